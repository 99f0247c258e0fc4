"""The page that shows a live session and takes its orders; a process of its own."""
