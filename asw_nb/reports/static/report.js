// A report reads without this. It makes the still pictures of charts into charts that can be zoomed, from data and a
// copy of plotly.js that are packed in the page itself; and it unfolds everything on paper.
(() => {
  "use strict";

  const unpack = async (packed) => {
    const bytes = Uint8Array.from(atob(packed.textContent.trim()), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).text();
  };

  let library = null;
  const plotly = () => {
    library ??= unpack(document.getElementById("plotly")).then((source) => {
      const script = document.createElement("script");
      script.textContent = source;
      document.head.append(script);
      return window.Plotly;
    });
    return library;
  };

  const draw = async (figure) => {
    const [Plotly, text] = await Promise.all([plotly(), unpack(figure.querySelector("script"))]);
    const still = figure.querySelector(".still");
    const live = document.createElement("div");
    live.className = "live";
    const { data, layout } = JSON.parse(text);
    figure.prepend(live);
    // named one by one: plotly.js has buttons that send the data away
    const config = { responsive: true, displaylogo: false, modeBarButtons: [["zoom2d", "pan2d", "resetScale2d"]] };
    await Plotly.newPlot(live, data, { ...layout, autosize: true }, config);
    still.style.display = "none";
    figure.dataset.drawn = "yes";
  };

  const figures = document.querySelectorAll("figure[data-chart]");
  if (figures.length && "DecompressionStream" in window && "IntersectionObserver" in window) {
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting) {
          seen.unobserve(entry.target);
          draw(entry.target).catch((problem) => {
            entry.target.querySelector(".live")?.remove();
            entry.target.dataset.drawn = String(problem);
          });
        }
      }
    }, { rootMargin: "300px" });
    figures.forEach((figure) => seen.observe(figure));
  }

  let folded = [];
  window.addEventListener("beforeprint", () => {
    // the numbers behind a picture stay folded: they would take pages
    folded = [...document.querySelectorAll("details:not([open])")].filter((part) => !part.closest("figure"));
    folded.forEach((part) => { part.open = true; });
  });
  window.addEventListener("afterprint", () => folded.forEach((part) => { part.open = false; }));
})();
