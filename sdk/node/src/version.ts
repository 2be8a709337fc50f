/** The version of this package, as it introduces itself; a test keeps it equal to package.json's. */

export const VERSION = "0.1.0";
