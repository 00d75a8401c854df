"""The API's documentation page works under the security policy."""

from playwright.sync_api import expect


def test_every_operation_is_shown_and_opens(committed_db, open_page):
    from core.api_docs import schema

    page = open_page(None, "/api/docs/")
    operations = sum(len(methods) for methods in schema()["paths"].values())
    expect(page.locator(".opblock")).to_have_count(operations)
    page.locator(".opblock-summary-control").first.click()
    expect(page.locator(".opblock.is-open .responses-table").first).to_be_visible()
