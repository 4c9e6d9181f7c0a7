"""What pages of the site ask for beyond Markdown: formulas, public names, cards, figures."""
