"""
How right the networks are, and how that is shown: metrics, intervals, tables, figures, the report.

Reads what the other wings have stored; nothing is computed from its output.
"""
