// The config of what is seen, as YAML; a changed one can be used.

export class Config {
  constructor(use) {
    this.dialog = document.getElementById("config");
    this.text = document.getElementById("text");
    const click = (id, action) => document.getElementById(id).addEventListener("click", action);
    click("close", () => this.dialog.close());
    click("use", () => {
      this.dialog.close();
      use(this.text.value);
    });
    this.save = document.getElementById("save");
    click("save", () => {
      const link = document.createElement("a");
      link.download = this.file.name;
      link.href = URL.createObjectURL(new Blob([this.file.text], { type: "text/csv" }));
      link.click();
      URL.revokeObjectURL(link.href);
    });
    click("copy", () => {
      this.text.select();
      navigator.clipboard?.writeText(this.text.value).catch(() => {}); // it is selected, at least
    });
  }

  // `file`, if there is one, is what the config reads.
  show(text, file) {
    this.text.value = text;
    this.file = file;
    this.save.hidden = !file;
    this.save.textContent = file ? `Save ${file.name} beside it` : "";
    if (!this.dialog.open) this.dialog.showModal();
    this.text.setSelectionRange(0, 0);
    this.text.scrollTop = 0;
  }
}
