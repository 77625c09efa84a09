"""Where catalogues come from: a shop's list, invoices, the generated world; each gives tables."""
