"""How well a run did, measured by what is known to be true."""
