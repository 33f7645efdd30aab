"""Estimates: methods, scaling to registers, what they rest on."""
