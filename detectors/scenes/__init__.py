"""A street that does not exist, for trying and showing the eyes without a camera and without a download.

Everything here says that it is synthetic, in the picture too. What is found in it says nothing about real pictures.
"""
