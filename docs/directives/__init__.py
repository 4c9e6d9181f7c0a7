"""What the pages of the site can ask for beyond Markdown: formulas, public names, cards, figures."""
