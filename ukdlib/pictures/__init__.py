"""
How bright a pixel is: levels of 8 and of 16 bits, and pictures of another size.

Knows nothing of videos, files, or what is done to brighten a picture.
"""
