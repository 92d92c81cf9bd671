"""The one HTTP door: REST, live stream, WeCom dialect, console."""
