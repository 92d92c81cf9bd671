"""A local stand-in for the WeCom service: what `message/send` would put on an account manager's phone, and the clicks back."""
