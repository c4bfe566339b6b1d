import type { Theme } from "vitepress";
import theme from "vitepress/theme-without-fonts";
import { defineAsyncComponent } from "vue";
import PathsFigure from "./paths/PathsFigure.vue";
import "./style.css";
import "./paths/paths.css";
import "uplot/dist/uPlot.min.css";
import "./charts/charts.css";

export default {
  extends: theme,
  enhanceApp({ app }) {
    app.component("PathsFigure", PathsFigure);
    app.component(
      "DigitsFigure",
      defineAsyncComponent(() => import("./charts/DigitsFigure.vue")),
    );
    app.component(
      "UnreleasedChanges",
      defineAsyncComponent(() => import("./UnreleasedChanges.vue")),
    );
    app.component(
      "FaultsFigure",
      defineAsyncComponent(() => import("./charts/FaultsFigure.vue")),
    );
  },
} satisfies Theme;
