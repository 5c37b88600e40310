// The theme chooses between light and dark only when the page has been drawn. On a first visit it has stored no choice: the
// page would appear in the wrong one, and fetch its figures.
if (document.documentElement.dataset.theme === "auto") {
  document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}
