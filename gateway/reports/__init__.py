"""What a week or a month was like: figures from the journal, as a page and on paper."""
