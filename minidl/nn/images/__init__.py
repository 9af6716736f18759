"""Layers on images, (N, C, H, W) as in PyTorch: convolutions, pooling, upsampling.

Formulas for one network, as in the rest of `nn`; nothing here knows about speed, files or training.
"""
