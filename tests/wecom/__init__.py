"""WeCom: the client, the callback dialect and the stand-in, each against the others over real HTTP."""
