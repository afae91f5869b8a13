"""Infrastructure: what a tenant asks for, who may offer it, and what runs."""
