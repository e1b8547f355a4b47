"""
The content of config.yaml: look-ups, error messages of its schema, and checks that a schema cannot express.

Needs only the standard library, since every parse of the workflow imports it. Reads no files: settings are passed in.
"""
