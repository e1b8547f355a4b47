"""
What a model found, for people and for other programs: a module for each format.

Knows answers and classes; how they were found is no concern of this folder.
"""
