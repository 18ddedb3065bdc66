"""The built-in destinations, one module each. The registry loads them by file, through the same hook as anybody's."""
