"""A report as one page that needs nothing beside it; text is escaped here, whoever wrote it."""
