"""
How files are kept: written whole or not at all, sealed with checksums, gone on with from a journal, and known by a
hash of the settings and the code that made them.

Leaves what is in a file to the wing whose file it is.
"""
