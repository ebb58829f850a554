"""What downloaders share: which hosts are reached and how fast, tries, partial files, causes."""
