"""All SQL: tables, migrations, named statements, a module a table. Decides nothing, never imports engine/."""
