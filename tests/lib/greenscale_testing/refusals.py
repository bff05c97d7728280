"""Refusals as real servers write them: status (200: within an answer), body, and the reason that it means.

A reason with a question mark is doubtful, though the same reason is final with other words.
"""

import json
from typing import Any

import pytest

HTML = "<!DOCTYPE html><html><body><h1>Blocked</h1>Unauthorized activity: the model was not found</body></html>"


def nested(message: str = "", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


REFUSALS = [
    # No credit.
    pytest.param(429, nested("You exceeded your current quota", code="insufficient_quota"), "NoCredit", id="OpenAI"),
    pytest.param(429, {"code": "insufficient_quota", "message": "x"}, "NoCredit", id="flat"),
    pytest.param(402, "", "NoCredit", id="402 without a body"),
    pytest.param(402, nested("Insufficient Balance", code="invalid_request_error"), "NoCredit", id="DeepSeek"),
    pytest.param(
        400, nested("Budget has been exceeded! Current cost: 1", type="budget_exceeded"), "NoCredit", id="LiteLLM"
    ),
    pytest.param(400, {"type": "error", **nested("Your credit balance is too low")}, "NoCredit", id="Anthropic"),
    pytest.param(403, nested("insufficient_user_quota", code="insufficient_user_quota"), "NoCredit", id="one-api"),
    pytest.param(400, {"code": "Arrearage", "message": "Access denied"}, "NoCredit", id="Alibaba"),
    # A prompt that is too long.
    pytest.param(
        400, nested("This model's maximum context length is 4096 tokens", code=400), "PromptTooLong", id="vLLM"
    ),
    pytest.param(
        400,
        {"object": "error", "message": "The input is longer than the model's context length (40 tokens)", "code": 400},
        "PromptTooLong",
        id="SGLang",
    ),
    pytest.param(
        400, nested("x", type="exceed_context_size_error", n_ctx=4096, code=400), "PromptTooLong", id="llama.cpp"
    ),
    pytest.param(
        400, nested("x", code="context_length_exceeded", param="messages"), "PromptTooLong", id="OpenAI too long"
    ),
    pytest.param(
        400,
        nested("'max_tokens' is too large: 5000. This model's maximum context length is 4096 tokens", code=400),
        "PromptTooLong",
        id="the context, though max_tokens is named",
    ),
    pytest.param(
        400,
        [
            nested(
                "The input token count (9) exceeds the maximum number of tokens allowed (8).", status="INVALID_ARGUMENT"
            )
        ],
        "PromptTooLong",
        id="Gemini too long",
    ),
    pytest.param(
        422,
        {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096"},
        "PromptTooLong",
        id="TGI",
    ),
    pytest.param(400, nested("prompt is too long: 201 tokens > 200 maximum"), "PromptTooLong", id="Anthropic too long"),
    pytest.param(
        429, nested("Request too large for m on tokens per min (TPM): Limit 3, Requested 4."), "PromptTooLong", id="TPM"
    ),
    # A content filter that names itself.
    pytest.param(
        400,
        nested("x", code="content_filter", innererror={"code": "ResponsibleAIPolicyViolation"}),
        "ContentFiltered",
        id="Azure's filter",
    ),
    pytest.param(
        400, nested("Content Exists Risk", code="invalid_request_error"), "ContentFiltered", id="DeepSeek's filter"
    ),
    pytest.param(400, {"code": "DataInspectionFailed", "message": "x"}, "ContentFiltered", id="Alibaba's filter"),
    pytest.param(
        400, nested("Your prompt was flagged", code="invalid_prompt"), "ContentFiltered", id="OpenAI's filter"
    ),
    # A key that is refused.
    pytest.param(401, "", "Unauthorized", id="401 without a body"),
    pytest.param(401, HTML, "Unauthorized", id="401 with a page"),
    pytest.param(
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "API key not valid. Please pass a valid API key.",
                    "status": "INVALID_ARGUMENT",
                    "details": [{"reason": "API_KEY_INVALID", "domain": "googleapis.com"}],
                }
            }
        ],
        "Unauthorized",
        id="Gemini's key, a list",
    ),
    pytest.param(
        400,
        json.dumps(json.dumps([{"error": {"details": [{"reason": "API_KEY_INVALID"}]}}])),
        "Unauthorized",
        id="JSON within a text",
    ),
    pytest.param(
        403, nested("Incorrect API key provided", code="invalid_api_key"), "Unauthorized", id="a key with 403"
    ),
    # A model that is not there.
    pytest.param(
        404,
        nested("The model `m` does not exist.", type="NotFoundError", code=404),
        "ModelNotFound",
        id="vLLM no model",
    ),
    pytest.param(
        404, nested('model "m" not found, try pulling it first', type="api_error"), "ModelNotFound", id="Ollama"
    ),
    pytest.param(404, {"error": 'model "m" not found, try pulling it first'}, "ModelNotFound", id="Ollama, a text"),
    pytest.param(
        404,
        nested("The API deployment for this resource does not exist.", code="DeploymentNotFound"),
        "ModelNotFound",
        id="Azure",
    ),
    pytest.param(400, nested("m is not a valid model ID", code=400), "ModelNotFound", id="OpenRouter"),
    pytest.param(
        404, nested("No endpoints found for m.", code=404), "ModelNotFound", id="OpenRouter without a provider"
    ),
    pytest.param(
        400,
        nested(
            "/chat/completions: Invalid model name passed in model=m. Call `/v1/models` to view", code="400", param=None
        ),
        "ModelNotFound",
        id="LiteLLM no model",
    ),
    pytest.param(400, nested("Model Not Exist", code="invalid_request_error"), "ModelNotFound", id="DeepSeek no model"),
    pytest.param(
        404,
        [nested("models/m is not found for API version v1main", code=404, status="NOT_FOUND")],
        "ModelNotFound",
        id="Gemini no model",
    ),
    pytest.param(
        400, {"object": "error", "message": "Invalid model: m", "type": "invalid_model"}, "ModelNotFound", id="Mistral"
    ),
    pytest.param(
        404,
        {"type": "error", "error": {"type": "not_found_error", "message": "model: m"}},
        "ModelNotFound",
        id="Anthropic",
    ),
    pytest.param(
        503, nested("No available channel for model m", code="model_not_found"), "ModelNotFound", id="new-api"
    ),
    pytest.param(404, nested("Model not found, inaccessible, and/or not deployed"), "ModelNotFound", id="Fireworks"),
    # Rate limits and overload.
    pytest.param(429, "", "RateLimited", id="429 without a body"),
    pytest.param(429, HTML, "RateLimited", id="429 with a page"),
    pytest.param(
        429,
        [
            nested(
                "You exceeded your current quota, please check your plan and billing details",
                status="RESOURCE_EXHAUSTED",
            )
        ],
        "RateLimited",
        id="Gemini's quota for a minute",
    ),
    pytest.param(
        400, {"__type": "x", "message": "ThrottlingException: Too many tokens, wait"}, "RateLimited", id="Bedrock"
    ),
    pytest.param(403, nested("x", errors=[{"reason": "rateLimitExceeded"}]), "RateLimited", id="Google's 403"),
    pytest.param(
        429, nested("No deployments available for selected model, Try again in 60 s"), "RateLimited", id="LiteLLM rests"
    ),
    pytest.param(
        529, {"type": "error", "error": {"type": "overloaded_error"}}, "Overloaded", id="Anthropic overloaded"
    ),
    pytest.param(
        500, nested("The server is currently overloaded with other requests"), "Overloaded", id="OpenAI overloaded"
    ),
    pytest.param(
        503, nested("server busy, please try again. maximum pending requests exceeded"), "Overloaded", id="Ollama busy"
    ),
    pytest.param(503, {"object": "error", "message": "The request queue is full."}, "Overloaded", id="SGLang full"),
    pytest.param(503, nested("Loading model", type="unavailable_error", code=503), "Unavailable", id="llama.cpp loads"),
    pytest.param(503, "no healthy upstream", "Unavailable", id="Envoy"),
    pytest.param(503, "", "Unavailable", id="503 without a body"),
    pytest.param(529, "", "Unavailable", id="529 without a body"),
    pytest.param(522, HTML, "Unavailable", id="Cloudflare"),
    # The address.
    pytest.param(404, {"detail": "Not Found"}, "WrongAddress", id="FastAPI has no such path"),
    pytest.param(405, {"detail": "Method Not Allowed"}, "WrongAddress", id="FastAPI has another method"),
    pytest.param(404, HTML, "WrongAddress", id="a page"),
    pytest.param(404, "404 page not found", "WrongAddress", id="Go"),
    pytest.param(404, "<pre>Cannot POST /chat/completions</pre>", "WrongAddress", id="Express"),
    pytest.param(
        200, {"error": "Unexpected endpoint or method. (POST /chat/completions)"}, "WrongAddress", id="LM Studio"
    ),
    pytest.param(405, "", "WrongAddress", id="405"),
    pytest.param(
        501, nested("This server does not support chat completions."), "WrongAddress", id="llama.cpp for embeddings"
    ),
    pytest.param(501, "", "WrongAddress", id="501"),
    pytest.param(
        400, HTML.replace("Blocked", "The plain HTTP request was sent to HTTPS port"), "WrongAddress", id="nginx TLS"
    ),
    pytest.param(400, "Client sent an HTTP request to an HTTPS server.\n", "WrongAddress", id="Go TLS"),
    pytest.param(301, "", "Redirected", id="moved"),
    pytest.param(307, "", "Redirected", id="moved for now"),
    # Nobody is served.
    pytest.param(400, nested("User location is not supported for the API use."), "NotServed", id="Gemini's region"),
    pytest.param(
        400, {"object": "error", "message": "you must provide a chat template"}, "NotServed", id="vLLM's template"
    ),
    pytest.param(404, nested("This is not a chat model and thus not supported"), "NotServed", id="no chat model"),
    # Doubtful.
    pytest.param(403, "", "Forbidden", id="403 without a body"),
    pytest.param(403, HTML, "Forbidden", id="a firewall's page"),
    pytest.param(
        403,
        nested("Your input was flagged", metadata={"flagged_input": "x", "reasons": []}),
        "Forbidden",
        id="moderation",
    ),
    pytest.param(404, "", "NotFound", id="404 without a body"),
    pytest.param(404, nested("Not Found", code="not_found"), "NotFound", id="404 that names nothing"),
    pytest.param(400, "", "InvalidRequest?", id="400 without a body"),
    pytest.param(400, HTML, "InvalidRequest?", id="400 with a page"),
    pytest.param(
        400, nested("Bad Request", type="invalid_request_error"), "InvalidRequest?", id="400 that names nothing"
    ),
    pytest.param(400, {"error": "bad_request"}, "InvalidRequest?", id="a word that names nothing"),
    pytest.param(400, nested("Provider returned error", code=400), "InvalidRequest?", id="OpenRouter names nothing"),
    pytest.param(418, "", "Refused", id="a teapot"),
    # The job's fault.
    pytest.param(
        400, nested("messages: at least one is required", type="invalid_request_error"), "InvalidRequest", id="400"
    ),
    pytest.param(
        422,
        {"detail": [{"loc": ["body", "messages"], "msg": "required", "type": "missing"}]},
        "InvalidRequest",
        id="422",
    ),
    pytest.param(413, HTML, "TooLarge", id="nginx too large"),
    # It may succeed.
    pytest.param(500, "", "ServerError", id="500"),
    pytest.param(
        500, nested("the prompt was: x", code="the prompt was: x"), "ServerError", id="500 with a strange code"
    ),
    pytest.param(500, {"error": {"type": 7, "code": None, "message": 3}}, "ServerError", id="words that are numbers"),
    pytest.param(502, HTML, "ServerError", id="502"),
    pytest.param(504, HTML, "Timeout", id="504"),
    pytest.param(408, "", "Timeout", id="408"),
    # Within an answer of 200, by code, type or words.
    pytest.param(200, nested("x", code=400, type="BadRequestError", param="n"), "InvalidRequest", id="within: 400"),
    pytest.param(200, nested("x", code=401), "Unauthorized", id="within: 401"),
    pytest.param(200, nested("x", code="429"), "RateLimited", id="within: 429, a text"),
    pytest.param(200, nested("x", code=500), "ServerError", id="within: 500"),
    pytest.param(200, nested("x", type="rate_limit_error"), "RateLimited", id="within: a type"),
    pytest.param(200, nested("Overloaded", type="overloaded_error"), "Overloaded", id="within: overload"),
    pytest.param(
        200,
        nested("x", type="invalid_request_error", code="context_length_exceeded"),
        "PromptTooLong",
        id="within: long",
    ),
    pytest.param(200, nested("something"), "ServerError", id="within: anything else"),
    pytest.param(200, {"message": "timed out"}, "Timeout", id="within: a time limit"),
]
