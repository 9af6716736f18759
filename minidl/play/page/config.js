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
    click("copy", () => {
      this.text.select();
      navigator.clipboard?.writeText(this.text.value).catch(() => {}); // it is selected, at least
    });
  }

  show(text) {
    this.text.value = text;
    if (!this.dialog.open) this.dialog.showModal();
    this.text.setSelectionRange(0, 0);
    this.text.scrollTop = 0;
  }
}
