"""The whole loop on one machine, with no cluster: `greenscale local`."""
