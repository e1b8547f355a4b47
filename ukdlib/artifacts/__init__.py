"""
How files are stored: written whole or not at all, sealed with checksums, resumed from a journal, and identified by a
hash of the settings and the code that made them.

What a file contains is defined in the subpackage that writes it.
"""
