"""
How bright a pixel is: levels of 8 and of 16 bits, pictures of another size, and of what changes.

Knows nothing of videos, files, or what is done to brighten a picture.
"""
