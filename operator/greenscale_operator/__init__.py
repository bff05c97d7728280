"""Turns GreenScaleWorkload resources into what the cluster needs."""
