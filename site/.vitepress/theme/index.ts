import type { Theme } from "vitepress";
import theme from "vitepress/theme-without-fonts";
import PathsFigure from "./paths/PathsFigure.vue";
import "./style.css";
import "./paths/paths.css";

export default {
  extends: theme,
  enhanceApp({ app }) {
    app.component("PathsFigure", PathsFigure);
  },
} satisfies Theme;
