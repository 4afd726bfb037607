"""The server's side of PRONOTE.net: sessions, the web protocol, delegated logins, and the pages' data."""
