"""What is kept about people's footage, for how long, who did what with it, and how it goes."""
