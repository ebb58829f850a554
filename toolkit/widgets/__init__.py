"""What people work with in a notebook: the control panel and the scene browser."""
