import tseslint from "typescript-eslint";

const testFunctions = ["test", "describe", "it", "suite", "before", "after", "beforeEach", "afterEach"];

const bareErrors = {
  selector: "NewExpression[callee.name=/^(Error|TypeError|RangeError)$/]",
  message: "Use BigMapError with a code of the error table, or assert() for defects of our own.",
};

export default tseslint.config(
  { ignores: ["dist*/**", "node_modules/**", "**/gen/**"] },
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-floating-promises": [
        "error",
        { allowForKnownSafeCalls: [{ from: "package", package: "node:test", name: testFunctions }] },
      ],
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      // Methods of a port return promises whether or not this implementation has something to wait for.
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      // Ports are plain objects of closures as often as classes; their methods are handed on.
      "@typescript-eslint/unbound-method": "off",
      // The compiler reports these.
      "@typescript-eslint/no-unused-vars": "off",
      eqeqeq: "error",
      "no-console": "error",
      "no-var": "error",
      "prefer-const": "error",
    },
  },
  {
    files: ["src/**/*.ts"],
    rules: {
      "max-lines": ["error", { max: 350 }],
      "max-lines-per-function": ["error", { max: 70, skipBlankLines: true, skipComments: true }],
      complexity: ["error", 20],
      "no-restricted-syntax": ["error", bareErrors],
    },
  },
  { files: ["src/cli/**/*.ts", "test/long/**/*.ts", "bench/**/*.ts"], rules: { "no-console": "off" } },
  {
    files: ["**/*.{js,mjs}"],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { parserOptions: { projectService: false } },
    rules: { "no-undef": "off", eqeqeq: "error", "prefer-const": "error" },
  },
);
