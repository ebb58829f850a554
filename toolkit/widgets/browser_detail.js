// The scene under the cursor: everything said about it, each to accept, reject or edit.

class Detail {
  constructor(shelf, { onSay, onAsk, onSeek, onLeave, onSplit, onMerge, onMove }) {
    this.shelf = shelf;
    this.onSay = onSay;
    this.onSeek = onSeek;
    this.onLeave = onLeave;
    this.at = 0;
    this.evident = false;
    this.root = make("div", "tk-detail", null, { role: "region", "aria-label": "Scene in detail" });
    this.head = make("div", "tk-head");
    this.title = make("span", "tk-title");
    this.head.append(
      this.title,
      button("[ start", "Let the scene start at the player's time ([)", () => onMove("start")),
      button("end ]", "Let the scene end at the player's time (])", () => onMove("end")),
      button("split", "Split the scene at the player's time (s)", onSplit),
      button("merge", "Merge the scene with the next one (m)", onMerge),
      button("evidence", "Show what the answers rest on (v)", () => this.toggleEvidence()),
    );
    this.list = make("div", "tk-items", null, { role: "list", "aria-label": "What was said about the scene" });
    this.add = make("input", "tk-new", null, {
      type: "text", placeholder: "add a tag (t)", "aria-label": "Add a tag", list: `tk-labels-${++lists}`,
    });
    this.known = make("datalist", "", null, { id: this.add.getAttribute("list") });
    this.enters(this.add, (label) => this.onSay({ target: "tag", name: label }, "add", null));
    this.question = make("input", "tk-new", null, {
      type: "text", placeholder: "ask about this scene (o): Is it raining? [yes/no]", "aria-label": "Ask about this scene",
    });
    this.enters(this.question, onAsk);
    this.add.addEventListener("focus", () => this.fillKnown());
    this.proof = make("div", "tk-proof", null, { role: "region", "aria-label": "Evidence" });
    this.root.append(this.head, this.list, this.add, this.known, this.question, this.proof);
  }

  // Enter in a field says what was written there.
  enters(field, act) {
    field.addEventListener("keydown", (event) => {
      const words = field.value.trim();
      if (event.key === "Enter" && words) {
        field.value = "";
        act(words);
      } else if (event.key === "Escape") this.onLeave();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  fillKnown() {
    const labels = [...this.shelf.labels].sort((a, b) => b[1] - a[1]).slice(0, 200);
    this.known.replaceChildren(...labels.map(([label]) => make("option", "", null, { value: label })));
  }

  // Show a row; the cursor goes to the first thing that nobody has judged, unless it is the same.
  show(row) {
    const same = row?.id === this.row?.id;
    this.row = row;
    this.items = itemsOf(row);
    if (!same) this.at = Math.max(0, this.items.findIndex((item) => !item.state));
    this.at = Math.max(0, Math.min(this.at, this.items.length - 1));
    this.title.textContent = row ? `Scene ${row.index}, ${moment(row.start)} to ${moment(row.end)}` : "";
    this.draw();
    if (!same) this.showEvidence();
  }

  get item() {
    return this.items?.[this.at];
  }

  move(step) {
    this.at = Math.max(0, Math.min(this.items.length - 1, this.at + step));
    this.draw();
    return this.item;
  }

  // Bring the cursor to something that was just said.
  point(target, name) {
    this.at = Math.max(0, this.items.findLastIndex((item) => item.target === target && item.name === name));
    this.draw();
    this.showEvidence();
  }

  next() {
    const later = this.items.findIndex((item, at) => at > this.at && !item.state);
    if (later >= 0) this.at = later;
    this.draw();
  }

  draw() {
    this.list.replaceChildren(...(this.items || []).map((item, at) => this.line(item, at)));
    this.list.children[this.at]?.scrollIntoView({ block: "nearest" });
  }

  line(item, at) {
    const node = make("div", `tk-item tk-${item.state || "open"}${at === this.at ? " tk-here" : ""}`, null, {
      role: "listitem", "data-target": item.target, "data-name": item.name,
    });
    if (at === this.at) node.setAttribute("aria-current", "true");
    const what = make("span", "tk-kind", item.target);
    const text = make("div", "tk-said");
    if (item.target === "answer") text.append(make("span", "tk-question", `${item.name} `));
    text.append(make("span", "tk-value", item.text || "–"));
    const notes = [percent(item.sure), item.why, item.state].filter(Boolean).join(" · ");
    if (notes) text.append(make("span", "tk-why", ` ${notes}`));
    const name = `${item.target} ${item.name || item.text}`;
    node.append(
      what,
      text,
      button("✓", `Accept ${name}`, () => this.say(at, "accept"), "tk-yes"),
      button("✗", `Reject ${name}`, () => this.say(at, "reject"), "tk-no"),
      button("✎", `Edit ${name}`, () => this.edit(at)),
    );
    node.addEventListener("click", () => {
      this.at = at;
      this.draw();
    });
    return node;
  }

  // Accept or reject; the same once more takes it back.
  say(at, action) {
    this.at = at;
    const item = this.item;
    if (item) this.onSay(item, item.state === action ? "withdraw" : action, null);
  }

  edit(at = this.at) {
    this.at = at;
    const item = this.item;
    if (!item) return;
    this.draw();
    const value = this.list.children[at].querySelector(".tk-said");
    const long = item.target === "description" || item.target === "answer";
    const field = make(long ? "textarea" : "input", "tk-edited", null, { "aria-label": `Edit ${item.target}` });
    field.value = item.text;
    value.replaceChildren(field);
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey) {
        const text = field.value.trim();
        if (text !== item.text) this.onSay(item, "edit", text);
        else this.draw();
        this.onLeave();
      } else if (event.key === "Escape") {
        this.draw();
        this.onLeave();
      } else return;
      event.preventDefault();
      event.stopPropagation();
    });
    field.addEventListener("click", (event) => event.stopPropagation());
    field.focus();
    field.select();
  }

  toggleEvidence() {
    this.evident = !this.evident;
    this.showEvidence();
  }

  async showEvidence() {
    this.proof.replaceChildren();
    const row = this.row;
    if (!this.evident || !row) return;
    try {
      const { evidence } = await this.shelf.ask("evidence", { id: row.id });
      if (row.id === this.row?.id) this.proof.replaceChildren(...evidence.map((one) => this.proofOf(one)));
    } catch (error) {
      this.proof.textContent = error.message;
    }
  }

  proofOf(one) {
    const node = make("dl", "tk-fact");
    const put = (name, value) => {
      if (value) node.append(make("dt", "", name), make("dd", "", String(value)));
    };
    put(one.kind, one.name || one.plugin);
    put("model", [one.model, one.revision].filter(Boolean).join(" @ "));
    put("prompt", one.prompt);
    put("took", one.seconds ? `${one.seconds} s, ${one.tokens} tokens, ${one.finish}` : "");
    if (one.times.length) {
      const frames = make("dd");
      for (const time of one.times) {
        frames.append(button(moment(time), `Show the frame at ${moment(time)}`, () => this.onSeek(time)));
      }
      node.append(make("dt", "", "frames"), frames);
    }
    return node;
  }
}
