"""
What config.yaml may say: look-ups, the sentences of a schema's refusals, the checks that a schema cannot make.

Needs the standard library only, since every parse of the workflow imports it. Reads no file: it is given the settings.
"""
