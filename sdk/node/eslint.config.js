// The strictest type-checked set of typescript-eslint; each exception carries its reason.

import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist/", "build/", "src/v1/"] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { project: "./tsconfig.test.json", tsconfigRootDir: import.meta.dirname } },
    rules: {
      // A number in a message needs no String() around it.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // An empty text is as good as none in a variable of the environment.
      "@typescript-eslint/prefer-nullish-coalescing": ["error", { ignorePrimitives: { string: true, boolean: true } }],
      // The compiler's noPropertyAccessFromIndexSignature wants the brackets.
      "@typescript-eslint/dot-notation": "off",
      "max-lines": ["error", 500],
      "max-lines-per-function": ["error", 60],
    },
  },
  // Configuration is not part of the program.
  { files: ["*.js"], extends: [tseslint.configs.disableTypeChecked] },
  // node:test gives a promise that the runner itself waits for; what a fake server has seen may be anything.
  {
    files: ["test/**"],
    rules: {
      "@typescript-eslint/no-floating-promises": "off",
      "@typescript-eslint/no-explicit-any": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-return": "off",
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/no-unsafe-type-assertion": "off",
    },
  },
);
