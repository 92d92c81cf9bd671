"""A local stand-in for the WeCom service: what an account manager's phone would show, and the clicks on it."""
