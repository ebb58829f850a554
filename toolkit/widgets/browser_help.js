// The keys, and a table of them.

const KEYS = [
  ["↑ ↓  Page  Home End", "the scene before, after; a page; first, last"],
  ["← →", "what was said about the scene: a tag, the description, an answer"],
  ["Enter", "play or pause the scene"],
  [", .", "one frame back, on"],
  ["/", "filter and search"],
  ["a  x", "accept, reject; the same once more takes it back"],
  ["e", "edit the description, an answer or a tag"],
  ["t", "add a tag"],
  ["o", "ask the run's analyzer about this scene"],
  ["u", "take the last word back"],
  ["[ ]", "start or end the scene at the player's time"],
  ["s  m", "split at the player's time; merge with the next scene"],
  ["Space", "select the scene"],
  ["c", "export the selected scenes as clips"],
  ["q", "review queue: most in doubt first, or back in order"],
  ["v", "evidence: model, frames, prompt"],
  ["r", "load the scenes again"],
  ["?", "this table; Escape closes it"],
];

class Help {
  constructor(onClose) {
    this.onClose = onClose;
    this.root = make("div", "tk-help", null, { role: "dialog", "aria-label": "Keys", tabindex: "-1" });
    const table = make("table");
    for (const [keys, what] of KEYS) {
      const line = make("tr");
      line.append(make("th", "", keys, { scope: "row" }), make("td", "", what));
      table.append(line);
    }
    this.root.append(table, button("Close", "Close the table of keys", () => this.toggle()));
    this.root.hidden = true;
  }

  toggle() {
    this.root.hidden = !this.root.hidden;
    if (this.root.hidden) this.onClose();
    else this.root.focus();
  }
}
