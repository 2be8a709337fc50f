// The strictest type-checked set of typescript-eslint; each exception carries its reason.

import tseslint from "typescript-eslint";

const RAW_HTML = "payloads and names are shown as text nodes only";

export default tseslint.config(
  { ignores: ["build/"] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { project: "./tsconfig.test.json", tsconfigRootDir: import.meta.dirname } },
    rules: {
      // A number in a message needs no String() around it.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // An empty text is as good as none in what is shown.
      "@typescript-eslint/prefer-nullish-coalescing": ["error", { ignorePrimitives: { string: true, boolean: true } }],
      // Brackets say that a name comes from data, not from a type.
      "@typescript-eslint/dot-notation": "off",
      // An event handler in JSX is one short expression.
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true }],
      // What is left out of an object on purpose is named with an underscore.
      "@typescript-eslint/no-unused-vars": ["error", { varsIgnorePattern: "^_", argsIgnorePattern: "^_", ignoreRestSiblings: true }],
      // The shape of an answer is the contract's: whoever asks says which it is.
      "@typescript-eslint/no-unnecessary-type-parameters": "off",
      // The compiler wants proof that an index is there; `as` is how it is told what a check before has shown.
      "@typescript-eslint/non-nullable-type-assertion-style": "off",
      "max-lines": ["error", 500],
      "max-lines-per-function": ["error", 60],
      "no-eval": "error",
      "no-new-func": "error",
      "no-restricted-syntax": [
        "error",
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: RAW_HTML },
        { selector: "Property[key.name='dangerouslySetInnerHTML']", message: RAW_HTML },
        { selector: "MemberExpression[property.name=/^(innerHTML|outerHTML|insertAdjacentHTML|srcdoc)$/]", message: RAW_HTML },
        { selector: "MemberExpression[object.name='document'][property.name='write']", message: RAW_HTML },
        { selector: "JSXAttribute[name.name='style'] > Literal", message: "classes, not style texts: the CSP has no unsafe-inline" },
      ],
    },
  },
  // Configuration is not part of the program.
  { files: ["**/*.js", "**/*.mjs", "*.ts"], extends: [tseslint.configs.disableTypeChecked] },
  // node:test gives a promise that the runner itself waits for.
  { files: ["test/**"], rules: { "@typescript-eslint/no-floating-promises": "off" } },
);
