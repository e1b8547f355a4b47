"""
How files are stored: written whole or not at all, sealed with checksums, resumed from a journal, with a record of the
settings, code, versions and sources that made them; and the audit of a whole folder.

What a file contains is defined in the subpackage that writes it.
"""
