"""What to draw of each result, without a back end."""
