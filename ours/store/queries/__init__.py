"""One file per noun; each function is named for the question it answers and takes the connection first."""
