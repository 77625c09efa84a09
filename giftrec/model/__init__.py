"""The integrated gift model: profile, categories, tools and rewards, learned together."""
