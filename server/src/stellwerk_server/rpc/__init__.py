"""Servicers: parse, check, submit, answer. No decisions are made here."""
