/*
 * Brings a figure to life on a static page: finds where the notebook's output stands, reads the values that Python wrote
 * there, and gives the figure a model with anywidget's few methods and no kernel behind it.
 */
function mount(name, render) {
  for (const el of document.querySelectorAll(`[data-fewerwells="${name}"]`)) {
    const values = JSON.parse(el.querySelector("script").textContent);
    const model = {
      get: (key) => values[key],
      set: (key, value) => (values[key] = value),
      save_changes: () => {},
      on: () => {},
      off: () => {},
    };
    render({ model, el });
  }
}
