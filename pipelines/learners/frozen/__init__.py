"""Heads on features of frozen backbones."""
