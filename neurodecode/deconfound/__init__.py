"""Removing what age, sex, site and the like leave in features of people, and proving it."""
