// The scene browser: puts its parts together, and gives every key its meaning.

class Browser {
  constructor(shelf, height) {
    this.shelf = shelf;
    this.past = []; // what was said, for taking it back
    // Without this mark JupyterLab takes keys for its own: x would cut the cell.
    this.root = make("div", "tk-browser", null, {
      "data-lm-suppress-shortcuts": "true", role: "application", "aria-label": "Scene browser",
      tabindex: "-1",
    });
    this.root.style.height = `${height}px`;
    this.status = make("div", "tk-status", null, { role: "status" });
    this.note = make("span", "tk-note");
    this.count = make("span", "tk-count");
    this.status.append(this.count, this.note, button("?", "Keys", () => this.help.toggle()));
    const home = () => this.list.root.focus({ preventScroll: true });
    this.list = new List(shelf, {
      onMove: () => this.moved(),
      onMark: () => this.bar.mark(this.list.marked),
    });
    this.player = new Player(shelf, {
      onSeek: (time) => this.goTo(time),
      onTell: (text, bad) => this.tell(text, bad),
    });
    this.detail = new Detail(shelf, {
      onSay: (item, action, value) => this.say(this.row, item, action, value),
      onAsk: (question) => this.ask(this.row, question),
      onSeek: (time) => this.player.ready().then((can) => can && this.player.seek(time)),
      onLeave: home,
      onSplit: () => this.split(),
      onMerge: () => this.merge(),
      onMove: (edge) => this.moveEdge(edge),
    });
    this.bar = new Toolbar(shelf, {
      onChange: () => this.sift(),
      onQueue: () => this.queue(!this.bar.queue),
      onExport: (what) => this.export(what),
      onLeave: home,
    });
    this.help = new Help(home);
    const left = make("div", "tk-left");
    left.append(this.player.root, this.detail.root);
    const right = make("div", "tk-right");
    right.append(this.bar.root, this.list.root);
    this.root.append(left, right, this.status, this.help.root);
    this.root.addEventListener("keydown", (event) => this.pressed(event));
    // A click on plain text would leave the focus with the notebook, and the next key too.
    this.root.addEventListener("click", () => {
      const at = document.activeElement;
      if (at === this.root || !this.root.contains(at)) home();
    });
    this.heard = (what, ...more) => this.hear(what, ...more);
    shelf.listeners.add(this.heard);
    this.sizes = new ResizeObserver(() => {
      this.list.layout();
      this.player.draw();
    });
    this.sizes.observe(this.root);
  }

  close() {
    this.sizes.disconnect();
    this.shelf.listeners.delete(this.heard);
    this.player.unload();
  }

  get row() {
    return this.shelf.rows[this.list.place];
  }

  hear(what, ...more) {
    if (what === "anew") {
      this.list.order = null;
      this.list.clear();
      this.list.at = Math.max(0, Math.min(this.list.at, this.list.size - 1));
      this.sift();
      if (this.bar.queue) this.queue(true); // scenes have other places now
    } else if (what === "rows") {
      this.list.refresh(...more);
      if (more[1] > 1 && this.list.order) this.sift();
      else this.counted();
      if (this.list.place >= more[0] && this.list.place < more[0] + more[1]) this.moved();
      clearTimeout(this.drawing); // once for all pages that come now
      this.drawing = setTimeout(() => this.player.draw(), 100);
    } else if (what === "thumbs") {
      this.list.pictures(...more);
      if (this.row && more[0].includes(this.row.id)) this.player.show(this.row);
    } else if (what === "error") this.tell(more[0], true);
  }

  moved() {
    this.player.show(this.row);
    this.detail.show(this.row);
  }

  sift() {
    this.list.setOrder(this.bar.order());
    this.counted();
  }

  // What is most in doubt first, as the kernel ranks it; or back in order.
  async queue(on) {
    try {
      this.bar.setQueue(on ? (await this.shelf.ask("queue")).order : null);
    } catch (error) {
      this.tell(error.message, true);
      return;
    }
    this.sift();
    this.list.move(0);
  }

  counted() {
    const { rows, loaded } = this.shelf;
    const part = loaded < rows.length ? `, ${loaded} loaded` : "";
    this.count.textContent = `${this.list.size} of ${rows.length} scenes${part}`;
  }

  tell(text, bad = false) {
    this.note.textContent = text;
    this.note.classList.toggle("tk-bad", bad);
  }

  // Have the kernel save what a person says; the row comes back as it is then.
  async say(row, item, action, value) {
    if (!row) return;
    const said = { id: row.id, target: item.target, name: item.name || "", action, value };
    this.tell("saving …");
    try {
      await this.shelf.ask("review", said);
      if (action !== "withdraw") this.past.push(said);
      if (this.row?.id === row.id && action !== "withdraw") this.detail.next();
      this.tell(`${item.target} ${item.name || ""}: ${action}, saved`);
    } catch (error) {
      this.tell(`not saved: ${error.message}`, true);
    }
  }

  // Have the run's analyzer answer; the kernel and the page go on meanwhile.
  async ask(row, question) {
    if (!row) return;
    this.tell(`asking: ${question} …`);
    try {
      const { answers } = await this.shelf.ask("ask", { id: row.id, question });
      this.tell(answers.map(([name, text, sure]) => [name, text, percent(sure)].filter(Boolean).join(" ")).join("; "));
      if (this.row?.id === row.id) this.detail.point("answer", answers.at(-1)[0]);
    } catch (error) {
      this.tell(error.message, true);
      this.detail.question.value ||= question; // to be put right
    }
  }

  undo() {
    const last = this.past.pop();
    const place = last ? this.shelf.rows.findIndex((row) => row?.id === last.id) : -1;
    if (place < 0) this.tell("There is nothing to take back.");
    else this.say(this.shelf.rows[place], last, "withdraw", last.value);
  }

  edge(action, value) {
    return this.say(this.row, { target: "boundary", name: "" }, action, value);
  }

  within(time) {
    const inside = this.row && time > this.row.start && time < this.row.end;
    if (!inside) this.tell("Play to the place in the scene first.", true);
    return inside;
  }

  split() {
    const time = this.player.time;
    if (this.within(time)) this.edge("add", time);
  }

  merge() {
    const next = this.shelf.rows[this.list.place + 1];
    if (!this.row || next?.film !== this.row.film) this.tell("There is no scene after it.", true);
    else this.edge("reject", this.row.end);
  }

  moveEdge(edge) {
    const [row, time] = [this.row, this.player.time];
    const inVideo = row && (edge === "start" ? time < row.end && row.index > 0 : time > row.start);
    if (!inVideo || time === row[edge]) this.tell("Play to the place first.", true);
    else this.edge("edit", { from: row[edge], to: time });
  }

  goTo(time) {
    const film = this.row?.film;
    const place = this.shelf.rows.findIndex((row) => row?.film === film && row.start <= time && time < row.end);
    const at = this.list.order ? this.list.order.indexOf(place) : place;
    if (at >= 0) this.list.move(at);
    this.list.root.focus({ preventScroll: true });
  }

  async export(what) {
    this.tell(`exporting ${what.ids.length} scenes …`);
    try {
      const { paths } = await this.shelf.ask("export", what);
      this.tell(`${paths.length} clips in ${what.folder}`);
    } catch (error) {
      this.tell(error.message, true);
    }
  }

  step(frames) {
    this.player.ready().then((can) => {
      if (can) this.player.seek(this.player.time + frames / (this.player.film?.rate || 25));
    });
  }

  turn(step) {
    const item = this.detail.items?.length ? this.detail.move(step) : null;
    if (item) this.tell([item.target, item.text, percent(item.sure), item.state].filter(Boolean).join(", "));
  }

  get keys() {
    const { list, detail, bar, player } = this;
    return (this.table ??= {
      ArrowDown: () => list.move(list.at + 1),
      ArrowUp: () => list.move(list.at - 1),
      PageDown: () => list.move(list.at + list.inSight),
      PageUp: () => list.move(list.at - list.inSight),
      Home: () => list.move(0),
      End: () => list.move(list.size - 1),
      ArrowRight: () => this.turn(1),
      ArrowLeft: () => this.turn(-1),
      Enter: () => player.toggle(),
      " ": () => list.mark(),
      ",": () => this.step(-1),
      ".": () => this.step(1),
      "/": () => bar.field.focus(),
      a: () => detail.say(detail.at, "accept"),
      x: () => detail.say(detail.at, "reject"),
      e: () => detail.edit(),
      t: () => detail.add.focus(),
      o: () => detail.question.focus(),
      u: () => this.undo(),
      s: () => this.split(),
      m: () => this.merge(),
      "[": () => this.moveEdge("start"),
      "]": () => this.moveEdge("end"),
      c: () => bar.send(),
      q: () => this.queue(!bar.queue),
      v: () => detail.toggleEvidence(),
      r: () => this.shelf.ask("reload").catch((error) => this.tell(error.message, true)),
      "?": () => this.help.toggle(),
      Escape: () => (this.help.root.hidden ? list.root.focus() : this.help.toggle()),
    });
  }

  pressed(event) {
    const { target, key } = event;
    const typing = target.closest("input, textarea, select") && key !== "Escape";
    const pressing = target.closest("button, video") && (key === "Enter" || key === " ");
    const act = this.keys[key];
    if (!act || typing || pressing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }
}

function render({ model, el }) {
  const shelf = new Shelf(model);
  const browser = new Browser(shelf, model.get("height"));
  el.append(browser.root);
  browser.sift();
  return () => {
    browser.close();
    shelf.close();
  };
}

export default { render };
