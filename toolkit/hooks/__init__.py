"""How plugins join: the hooks' specifications and the manager that collects them."""
